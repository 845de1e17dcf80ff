"""pictures.py - makes image files, even some that Pillow cannot write. Pixels are numpy arrays."""
import struct
import zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(head, data, chunks=b""):
    """Returns a PNG file. head: content of IHDR; data: the rows, each after its filter byte;
    chunks: whole chunks to put before IDAT."""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunks +
            chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def pack_row(samples, depth):
    """Packs samples of `depth` bits into bytes, the first sample into the highest bits."""
    bits = "".join(format(int(v), f"0{depth}b") for v in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))


def png(pixels, depth=8, colour=2, chunks=b"", interlaced=False):
    """Returns a PNG. pixels: h x w x channels; depth: bits of a sample; colour: PNG's type (0 grey,
    2 RGB, 3 palette, 4 grey and alpha, 6 RGBA)."""
    h, w = pixels.shape[:2]
    data = b""
    for x, y, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        part = pixels[y::dy, x::dx]
        if part.size:
            data += b"".join(b"\0" + pack_row(row.ravel(), depth) for row in part)
    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlaced)
    return png_file(head, data, chunks)


def palette(colours, alpha=None):
    """Returns the PNG chunk PLTE; with `alpha` also the chunk tRNS."""
    out = chunk(b"PLTE", bytes(v for c in colours for v in c))
    return out + (chunk(b"tRNS", bytes(alpha)) if alpha is not None else b"")


def bmp(rows, width, bits, colours=(), form=0, masks=(), top_down=False, header=40):
    """Returns a BMP. rows: bytes of each row from the top, without padding; bits: bits per pixel;
    colours: the palette, [(R, G, B)]; form: compression type; masks: the bit mask of each channel;
    header: length of the header in bytes."""
    height = len(rows)
    body = b"".join(r + bytes(-len(r) % 4) for r in (rows if top_down else rows[::-1]))
    if header == 12:
        dib = struct.pack("<IHHHH", 12, width, height, 1, bits)
        table = b"".join(bytes(c[::-1]) for c in colours)
    else:
        dib = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits,
                          form, len(body), 0, 0, len(colours), 0)
        table = b"".join(bytes(c[::-1]) + b"\0" for c in colours)
        dib += struct.pack(f"<{len(masks)}I", *masks)
        dib += bytes(max(0, header - len(dib)))
    start = 14 + len(dib) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + dib + table + body


def pnm(kind, pixels, most=255, comment=""):
    """Returns a PNM file P1 to P6. pixels: h x w, or h x w x 3; most: the largest sample."""
    h, w = pixels.shape[:2]
    head = f"P{kind}\n{comment}{w} {h}\n" + ("" if kind in (1, 4) else f"{most}\n")
    if kind <= 3:
        return (head + "\n".join(" ".join(map(str, r.ravel())) for r in pixels) + "\n").encode()
    if kind == 4:
        return head.encode() + b"".join(pack_row(r, 1) for r in pixels)
    return head.encode() + pixels.astype(">u2" if most > 255 else "u1").tobytes()


def exif(orientation, order="<"):
    """Returns EXIF data: a TIFF structure with the orientation as its second tag."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHIHHHHIHHI", 8, 2, 0x10e, 3, 1, 7, 0,
                              0x112, 3, 1, orientation, 0, 0)


def with_exif(jpeg, tiff):
    """Returns the JPEG with EXIF data in a segment APP1."""
    data = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + jpeg[2:]


PIC = bytes.fromhex("5380f634") + bytes(84) + b"PICT" + struct.pack(">HHHH", 8, 8, 0, 0)
GIF = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + b"," + struct.pack(
    "<HHHHB", 0, 0, 8, 8, 0) + b"\x02\x02\x4c\x01\0" + bytes(6) + b";"
TGA = struct.pack("<BBBHHBHHHHBB", 0, 1, 1, 0, 0, 24, 0, 0, 8, 8, 8, 0) + bytes(64)

HUGE = "claims more pixels than an image may have: 16384 on a side, 67108864 in all"
ONLY = "; JPEG, PNG, BMP and PNM are read"
# Refused files: {name: (bytes, the reason in the message)}.
FOREIGN = {
    "a.pic": (PIC, "is a Softimage PIC image" + ONLY),
    "a.gif": (GIF, "is a GIF image" + ONLY),
    "a.tga": (TGA, "is not an image"),
    "a.webp": (b"RIFF\x24\0\0\0WEBPVP8 " + bytes(24), "is a WebP image" + ONLY),
    "a.tif": (b"II*\0" + bytes(60), "is a TIFF image" + ONLY),
    "b.tif": (b"MM\0*" + bytes(60), "is a TIFF image" + ONLY),
    "a.psd": (b"8BPS\0\1" + bytes(60), "is a Photoshop image" + ONLY),
    "a.heic": (b"\0\0\0\x18ftypheic" + bytes(60), "is a HEIF image" + ONLY),
    "a.avif": (b"\0\0\0\x1cftypavif" + bytes(60), "is an AVIF image" + ONLY),
    "a.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60), "is a JPEG 2000 image" + ONLY),
    "a.jxl": (b"\xff\x0a" + bytes(60), "is a JPEG XL image" + ONLY),
    "a.hdr": (b"#?RADIANCE\n" + bytes(60), "is a Radiance HDR image" + ONLY),
    "a.pdf": (b"%PDF-1.7\n" + bytes(60), "is a PDF file" + ONLY),
    "a.html": (b"<!DOCTYPE html><title>404</title>", "is a web page" + ONLY),
    "b.html": (b"<html><body>404</body></html>", "is a web page" + ONLY),
    "a.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG image" + ONLY),
    "a.pam": (b"P7\nWIDTH 8\nHEIGHT 8\nDEPTH 3\nMAXVAL 255\nENDHDR\n" + bytes(192),
              "is a PAM image" + ONLY),
    "a.pfm": (b"PF\n8 8\n-1\n" + bytes(768), "is a PFM image" + ONLY),
    "lfs.jpg": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
                "is a pointer of Git LFS, not the image itself"),
    "text.jpg": (b"hello, world", "is not an image"),
    "empty.jpg": (b"", "is empty"),
}
