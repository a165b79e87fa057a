"""The sub-commands of ``zqcnn-xp gallery``, a file each."""
