"""Attachments: the files of the table `files`, downloaded into a folder or an object store."""
