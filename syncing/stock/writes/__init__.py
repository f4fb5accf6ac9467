"""Stock that is written: recorded, sent, settled when an answer is missing."""
