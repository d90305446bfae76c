"""The engine behind `core.ports.Engine`: a client in this process, the model in a child process.

`client` and `scripted` are the two implementations; nothing here but `runtime` (and `process`, the child's main) ever
imports torch. Import the modules themselves: this package stays empty so that importing one costs only that one.
"""
