"""avi.py - writes an AVI file in Motion JPEG, whose frames are JPEG files."""
import struct


def chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def listed(kind, *chunks):
    return chunk(b"LIST", kind + b"".join(chunks))


def avi(frames, width, height, claimed=None, rate=25):
    """Returns the bytes of an AVI file. frames: bytes of JPEG files; claimed: the number of frames
    in the header, by default the real one."""
    n = len(frames) if claimed is None else claimed
    main = struct.pack("<14I", 1000000 // rate, 0, 0, 0x10, n, 0, 1, 0, width, height, 0, 0, 0, 0)
    stream = b"vidsMJPG" + struct.pack("<IHHIIIIIIiI4H", 0, 0, 0, 0, 1, rate, 0, n, 0, -1, 0, 0, 0,
                                       width, height)
    form = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0,
                       0, 0)
    index, pieces, at = b"", b"", 4
    for frame in frames:
        pieces += chunk(b"00dc", frame)
        index += struct.pack("<4sIII", b"00dc", 0x10, at, len(frame))
        at += 8 + len(frame) + len(frame) % 2
    body = listed(b"hdrl", chunk(b"avih", main),
                  listed(b"strl", chunk(b"strh", stream), chunk(b"strf", form)))
    return chunk(b"RIFF", b"AVI " + body + listed(b"movi", pieces) + chunk(b"idx1", index))
