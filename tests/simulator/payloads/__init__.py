"""Bodies of webhooks, in their REST shapes."""
