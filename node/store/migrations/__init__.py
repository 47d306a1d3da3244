"""Steps from one shape of the database to the next, run by `Store.open` and never by hand."""
