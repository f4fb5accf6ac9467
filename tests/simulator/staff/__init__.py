"""What else staff do to orders and drafts by hand: delete them, change their words, change a draft (row 71)."""
