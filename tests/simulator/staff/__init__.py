"""What else staff do (row 71, shopify.md 7.6): delete orders, change their words, change drafts."""
