"""What bench/run is made of: see ../README.md."""
