"""What tests are built of: clocks, engines and stores in memory, simulated networks, machines.

Each is in a module of its own, named after what it stands for; nothing that a node runs imports it.
"""
