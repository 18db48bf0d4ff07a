"""Myasthenia gravis: activities of daily living."""
