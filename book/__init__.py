"""The book: the lessons, run, as a site that needs neither Python nor a network. `make book` makes it."""
