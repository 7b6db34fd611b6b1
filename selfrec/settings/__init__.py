"""The configuration: its tables, presets, TOML and help. Every option is declared here or by its plugin, once."""
