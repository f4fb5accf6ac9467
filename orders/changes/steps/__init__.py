"""The steps of a later change, a kind in each file: committed, looked for, sent."""
