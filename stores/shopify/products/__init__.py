"""The wire: products, variants, their images and channels."""
