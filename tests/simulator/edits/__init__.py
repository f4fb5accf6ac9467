"""Order edits (row 67, shopify.md 7.6): sessions, their mutations, and the calculated orders that show them."""
