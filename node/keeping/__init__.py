"""What keeps a node through the years: backup and restore, key rotation, recovery shares, staff who leave."""
