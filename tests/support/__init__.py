"""What tests have in common: the cast, its stage, and hands to move it."""
