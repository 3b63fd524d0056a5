"""One file a platform: what it pulls, how it pages, how one record becomes statements."""
