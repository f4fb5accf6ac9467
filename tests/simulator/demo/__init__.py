"""The demo's shops and what they sell."""
