"""Tests with machines that are reached over ssh: real ones, on this computer."""
