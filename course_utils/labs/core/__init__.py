"""What every lab stands on."""
