"""The sub-commands of ``zqcnn-xp eval``, a file each."""
