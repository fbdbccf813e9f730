"""Starts the runner host for pytest: python3 gorgon_main.py. Guarded, for the `spawn` of multiprocessing imports it again."""

if __name__ == "__main__":
    import os
    import sys

    folder = os.path.dirname(os.path.abspath(__file__))
    if folder not in sys.path:  # PYTHONSAFEPATH
        sys.path.insert(0, folder)
    import gorgon_host

    gorgon_host.main(folder)
