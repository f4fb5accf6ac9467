"""Order edits (row 67): sessions, what they change, their mutations and the calculated orders that show them."""
