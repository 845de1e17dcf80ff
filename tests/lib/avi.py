"""Makes AVI and Matroska files in Motion JPEG: each frame is a JPEG file."""
import struct


def chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def listed(kind, *chunks):
    return chunk(b"LIST", kind + b"".join(chunks))


def avi(frames, width, height, claimed=None, rate=25):
    """Returns the bytes of an AVI file. frames: JPEG files as bytes; claimed: the number of frames
    that the header gives, None for the true one; rate: frames per second."""
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


def element(kind, data):
    return bytes.fromhex(kind) + ((1 << 56) + len(data)).to_bytes(8, "big") + data


def number(kind, value):
    return element(kind, value.to_bytes(4, "big"))


def mkv(frames, width, height, times, duration):
    """Returns the bytes of a Matroska file. times: when each frame starts; both in milliseconds."""
    head = element("1A45DFA3", element("4282", b"matroska") + number("4287", 4) + number("4285", 2))
    info = element("1549A966", number("2AD7B1", 10**6)
                   + element("4489", struct.pack(">d", duration)))
    size = element("E0", number("B0", width) + number("BA", height))
    track = number("D7", 1) + number("73C5", 1) + number("83", 1) + element("86", b"V_MJPEG") + size
    clusters = [element("1F43B675", number("E7", time) + element("A3", b"\x81\0\0\x80" + frame))
                for frame, time in zip(frames, times)]
    return head + element("18538067", info + element("1654AE6B", element("AE", track))
                          + b"".join(clusters))
