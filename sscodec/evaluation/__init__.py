"""Objective measures of coded audio."""
