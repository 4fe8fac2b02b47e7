"""Data that need no download: ``culture`` lets cells live, ``render`` draws, ``recordings`` writes."""
