"""What follows from what original and copy hold: pure, without the database and without Shopify."""
