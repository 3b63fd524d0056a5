"""Airflow provider of Leerstroom: connection types and hooks, thin wrappers over `connectors`."""
