"""Who we are and whom we trust: keys, member cards, check words and the book of members."""
