"""Images in and out: decoding, resizing, boxes, drawing."""
