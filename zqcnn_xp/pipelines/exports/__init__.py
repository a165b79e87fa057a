"""Faces in the forms that other software takes. `zqcnn_xp.pipelines.Faces` has these as methods.

None of the optional packages is imported before its conversion is called.
"""
