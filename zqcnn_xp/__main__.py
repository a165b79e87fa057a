"""``python -m zqcnn_xp`` is the command ``zqcnn-xp``."""

import sys

from zqcnn_xp.cli import main

sys.exit(main())
