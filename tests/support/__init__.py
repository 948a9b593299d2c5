"""Builders of small values for the tests."""
