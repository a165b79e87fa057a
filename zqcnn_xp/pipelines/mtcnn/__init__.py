"""Multi-task cascaded convolutional networks: faces, and their landmarks, in any image.

Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks, IEEE Signal Processing Letters 23 (2016). A proposal network (P) looks at an image
pyramid, a refining network (R) and an output network (O) judge and move the boxes that are left,
and an optional landmark network (L) places 5 or 106 points.
"""

from zqcnn_xp.pipelines.mtcnn.detector import MTCNN

__all__ = ["MTCNN"]
