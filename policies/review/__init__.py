"""Tools of who reviews the access model: they try it, compare it, break it. Nothing that is deployed imports them."""
