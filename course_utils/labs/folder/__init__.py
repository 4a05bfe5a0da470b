"""The folder lab (lesson 13): a folder of clips, looked at before anything is trained."""

from course_utils.labs.folder.lab import FolderLab

__all__ = ["FolderLab"]
