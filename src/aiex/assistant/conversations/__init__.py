"""Conversations and responses that the server keeps: their rows, their turns, their routes."""
