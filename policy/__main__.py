"""Two ways in: `python -m policy STATE.json` judges an exported state; Pulumi runs this folder as a policy pack."""

import sys
from pathlib import Path

if __package__:
    from policy.offline import main

    sys.exit(main(sys.argv[1:]))
else:  # Pulumi starts the folder itself, from inside it
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from policy.pack import serve

    serve()
