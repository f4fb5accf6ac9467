"""Pages of stock: what is in step, held, written, compared, taken back."""
