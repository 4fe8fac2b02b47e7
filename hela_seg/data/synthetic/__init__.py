"""Data that need no download: ``culture`` lets cells live, ``render`` draws them."""
