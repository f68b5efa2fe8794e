#!/usr/bin/env python3
"""Makes the golden data next to it with Pillow and torchvision (made with 13.0 and 0.29).

decode/       small files of every supported kind
decode.json   each file as decoded by Pillow: exif_transpose, then convert("RGB")
resize.json   images computed by a formula, after torchvision's Resize with either filter and CenterCrop
"""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torchvision import transforms

HERE = Path(__file__).parent
FILES = HERE / "decode"
WIDTH, HEIGHT = 21, 13


def gradient(channels):
    """A smooth picture, so that lossy decoders differ by their rounding alone."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [x * 11 + 12, y * 18 + 7, 250 - x * 6 - y * 8, 30 + x * 5 + y * 4]
    return np.stack(planes[:channels], axis=-1).astype(np.uint8).squeeze()


def save(name, image, **options):
    image.save(FILES / name, **options)


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def jpegs():
    rgb = Image.fromarray(gradient(3))
    best = {"quality": 95, "subsampling": 0}
    for orientation in range(1, 9):
        save(f"orientation-{orientation}.jpg", rgb, exif=exif(orientation), **best)
    save("gray.jpg", Image.fromarray(gradient(1)), quality=95)
    save("420.jpg", rgb, quality=95, subsampling=2)
    save("422.jpg", rgb, quality=95, subsampling=1)
    save("progressive.jpg", rgb, quality=95, subsampling=2, progressive=True)
    save("progressive-444.jpg", rgb, progressive=True, **best)
    save("restart.jpg", rgb, restart_marker_blocks=1, **best)
    save("rgb.jpg", rgb, keep_rgb=True, quality=95)
    cmyk = Image.fromarray(gradient(4), mode="CMYK")
    save("cmyk.jpg", cmyk, quality=95)
    save("cmyk-progressive.jpg", cmyk, quality=95, progressive=True)
    # Pillow writes neither YCCK nor CMYK without Adobe's marker, but reads both.
    stored = (FILES / "cmyk.jpg").read_bytes()
    adobe = stored.index(b"\xff\xee")
    length = 2 + int.from_bytes(stored[adobe + 2 : adobe + 4], "big")
    transform = adobe + length - 1
    (FILES / "ycck.jpg").write_bytes(stored[:transform] + b"\2" + stored[transform + 1 :])
    (FILES / "cmyk-plain.jpg").write_bytes(stored[:adobe] + stored[adobe + length :])


def png(name, color_type, depth, rows, interlaced=False, extra=b""):
    """Writes kinds of PNG that Pillow does not; `rows` are the packed bytes of each row."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, color_type, 0, 0, int(interlaced))
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    (FILES / name).write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def pngs():
    rgb, rgba = Image.fromarray(gradient(3)), Image.fromarray(gradient(4))
    save("rgb.png", rgb)
    save("rgba.png", rgba)
    save("gray.png", Image.fromarray(gradient(1)))
    save("gray-alpha.png", Image.fromarray(gradient(2), mode="LA"))
    save("bits-1.png", Image.fromarray(gradient(1)).convert("1"))
    save("palette.png", rgb.quantize(40))
    save("palette-2.png", rgb.quantize(4), bits=2)
    save("palette-4.png", rgb.quantize(16), bits=4)
    save("palette-transparent.png", rgb.quantize(40), transparency=bytes(range(40)))
    save("transparent-color.png", rgb, transparency=(12, 7, 250))
    save("orientation-6.png", rgb, exif=exif(6))
    deep = gradient(3).astype(">u2") * 256 + 77
    save("gray-16.png", Image.fromarray(deep[:, :, 0].astype("<u2")))
    png("rgb-16.png", 2, 16, [row.tobytes() for row in deep])
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    samples = gradient(3)
    rows = [
        samples[y, x::dx].tobytes() for x, y0, dx, dy in passes for y in range(y0, HEIGHT, dy)
    ]
    png("interlaced.png", 2, 8, rows, interlaced=True)


def webps():
    rgb, rgba = Image.fromarray(gradient(3)), Image.fromarray(gradient(4))
    save("lossy.webp", rgb, quality=95)
    save("lossy-alpha.webp", rgba, quality=95)
    save("lossless.webp", rgb, lossless=True)
    save("lossless-alpha.webp", rgba, lossless=True, exact=True)
    save("orientation-8.webp", rgb, lossless=True, exif=exif(8))


def bmp(name, bits, compression, pixels, masks=b"", palette=b"", top_down=False):
    """Writes kinds of BMP that Pillow does not."""
    height = -HEIGHT if top_down else HEIGHT
    start = 54 + len(masks) + len(palette)
    colors = len(palette) // 4
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(pixels), 0, 0, colors, 0)
    file = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    (FILES / name).write_bytes(file + info + masks + palette + pixels)


def bmps():
    rgb = Image.fromarray(gradient(3))
    save("rgb.bmp", rgb)
    save("rgba.bmp", Image.fromarray(gradient(4)))
    save("gray.bmp", Image.fromarray(gradient(1)))
    save("palette.bmp", rgb.quantize(40))
    save("bits-1.bmp", Image.fromarray(gradient(1)).convert("1"))
    samples = gradient(3).astype(np.uint16)
    five_six_five = (samples[:, :, 0] >> 3) << 11 | (samples[:, :, 1] >> 2) << 5 | samples[:, :, 2] >> 3
    fives = (samples[:, :, 0] >> 3) << 10 | (samples[:, :, 1] >> 3) << 5 | samples[:, :, 2] >> 3
    rows = lambda packed: b"".join(row.astype("<u2").tobytes() + b"\0\0" for row in packed[::-1])
    bmp("565.bmp", 16, 3, rows(five_six_five), masks=struct.pack("<III", 0xF800, 0x07E0, 0x1F))
    bmp("555.bmp", 16, 0, rows(fives))
    pad = b"\0" * (-3 * WIDTH % 4)
    bmp("top-down.bmp", 24, 0, b"".join(row[:, ::-1].tobytes() + pad for row in gradient(3)), top_down=True)

    palette = b"".join(bytes([i * 16, 255 - i * 16, i * 7, 0]) for i in range(16))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    # Each row: a literal stretch of 5 and the rest in one run; then a jump over most of the
    # last two.
    eight, four = b"", b""
    for row in range(HEIGHT - 2):
        literal = [(row + i) % 16 for i in range(5)]
        run = row % 16
        eight += bytes([0, 5, *literal, 0]) + bytes([WIDTH - 5, run]) + b"\0\0"
        nibbles = [*literal, 0, 0, 0]
        packed = bytes(nibbles[i] << 4 | nibbles[i + 1] for i in range(0, 8, 2))
        four += bytes([0, 5]) + packed + bytes([WIDTH - 5, run << 4 | 15 - run]) + b"\0\0"
    eight += b"\0\2\3\1" + bytes([WIDTH - 3, 9]) + b"\0\1"
    four += b"\0\2\3\1" + bytes([WIDTH - 3, 0x9A]) + b"\0\1"
    bmp("rle-8.bmp", 8, 1, eight, palette=palette)
    bmp("rle-4.bmp", 4, 2, four, palette=palette)
    indices = (x + y) % 16
    rows = b"".join(
        bytes(int(r[i]) << 4 | (int(r[i + 1]) if i + 1 < WIDTH else 0) for i in range(0, WIDTH, 2)) + b"\0"
        for r in indices[::-1]
    )
    bmp("palette-4.bmp", 4, 0, rows, palette=palette)


def decoded():
    expected = {}
    for path in sorted(FILES.iterdir()):
        with Image.open(io.BytesIO(path.read_bytes())) as image:
            if image.mode == "I;16":
                # Pillow turns all but the darkest 255 of 65,536 grays white; the high byte is correct.
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            rgb = ImageOps.exif_transpose(image).convert("RGB")
        expected[path.name] = {"width": rgb.width, "height": rgb.height, "rgb": rgb.tobytes().hex()}
    return expected


def formula(width, height):
    """The picture that the test makes too: rough, so that every weight of the filter shows."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    return ((x * x * 7 + y * y * 13 + x * y * (c + 3) * 5 + c * 91) % 251).astype(np.uint8)


def resized():
    cases = [
        # width, height, resize, crop
        (61, 37, 20, 16),
        (37, 61, 20, 16),
        (5, 3, 24, 20),
        (1, 1, 8, 8),
        (200, 31, 12, 24),
        (20, 20, 20, 20),
        (33, 50, 33, 20),
        (640, 480, 36, 31),
        (101, 99, 50, 25),
        (3, 7, 16, 21),
        (40, 40, 39, 24),
        (500, 2, 9, 15),
    ]
    out = []
    for name in ("bilinear", "bicubic"):
        mode = transforms.InterpolationMode(name)
        for width, height, resize, crop in cases:
            evaluation = transforms.Compose([transforms.Resize(resize, mode), transforms.CenterCrop(crop)])
            rgb = evaluation(Image.fromarray(formula(width, height)))
            case = {"width": width, "height": height, "resize": resize, "crop": crop, "filter": name}
            out.append({**case, "rgb": rgb.tobytes().hex()})
    return out


def write(name, lines):
    (HERE / name).write_text(lines + "\n")


if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    for make in (jpegs, pngs, webps, bmps):
        make()
    rows = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in decoded().items()]
    write("decode.json", "{\n" + ",\n".join(rows) + "\n}")
    write("resize.json", "[\n" + ",\n".join(map(json.dumps, resized())) + "\n]")
