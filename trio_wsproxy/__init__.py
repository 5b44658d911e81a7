"""A WebSocket client for trio that connects through any proxy."""
