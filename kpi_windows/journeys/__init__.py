"""Journeys: how a visit, a cart, an order, a customer or a ticket turns events into facts."""
