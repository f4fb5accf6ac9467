"""The mirror: what Shopify's levels hold as far as we know, and reading them."""
