"""Networks and the loops that train them."""
