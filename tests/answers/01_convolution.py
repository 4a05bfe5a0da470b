import math

# ---- 01.1, how large is what comes out


@right("01.1")
def _(n, k, stride, dilation, padding):
    return math.ceil(n / stride) if padding == "same" else 1 + (n - 1 - dilation * (k - 1)) // stride


@right("01.1")
def _(n, k, stride, dilation, padding):
    reach = (k - 1) * dilation if padding == "valid" else 0
    return len(range(0, n - reach, stride))


@right("01.1")
def _(n, k, stride, dilation, padding):
    layer = layers.Conv1D(1, k, strides=stride, dilation_rate=dilation, padding=padding)
    return layer(np.zeros((1, n, 1))).shape[1]


@wrong("01.1", "come out, you say")
def _(n, k, stride, dilation, padding):  # as large as before, whatever the stride
    return n if padding == "same" else (n - (k - 1) * dilation - 1) // stride + 1


@wrong("01.1", "padding same")
def _(n, k, stride, dilation, padding):  # rounded down
    return n // stride if padding == "same" else (n - (k - 1) * dilation - 1) // stride + 1


@wrong("01.1", "dilation 2")
def _(n, k, stride, dilation, padding):  # the dilation forgotten
    return -(-n // stride) if padding == "same" else (n - k) // stride + 1


@wrong("01.1", "padding valid")
def _(n, k, stride, dilation, padding):  # a kernel spans k * d
    return -(-n // stride) if padding == "same" else (n - k * dilation) // stride + 1


@wrong("01.1", "come out, you say")
def _(n, k, stride, dilation, padding):  # rounded up in both
    return -(-n // stride) if padding == "same" else -(-(n - (k - 1) * dilation) // stride) + 1


@wrong("01.1", "come out, you say")
def _(n, k, stride, dilation, padding):  # the stride forgotten
    return n if padding == "same" else n - (k - 1) * dilation


@wrong("01.1", "padding valid")
def _(n, k, stride, dilation, padding):  # not rounded at all
    return -(-n // stride) if padding == "same" else (n - (k - 1) * dilation - 1) / stride + 1


@wrong("01.1", "padding same")
def _(n, k, stride, dilation, padding):  # the padding ignored
    return (n - (k - 1) * dilation - 1) // stride + 1


# ---- 01.2, channels and a stride


def places(image, k, stride):
    return [range(0, size - k + 1, stride) for size in image.shape[:2]]


@right("01.2")
def _(image, kernel, bias, stride):
    k = len(kernel)
    rows, columns = places(image, k, stride)
    return np.array(
        [[np.tensordot(image[r : r + k, c : c + k], kernel, 3) + bias for c in columns] for r in rows]
    )


@right("01.2")
def _(image, kernel, bias, stride):
    patches = np.lib.stride_tricks.sliding_window_view(image, kernel.shape[:2], axis=(0, 1))
    return np.einsum("hwcij,ijcf->hwf", patches[::stride, ::stride], kernel) + bias


@right("01.2")
def _(image, kernel, bias, stride):
    k, (height, width) = len(kernel), image.shape[:2]
    total = bias
    for i in range(k):
        for j in range(k):
            total = total + image[i : height - k + 1 + i : stride, j : width - k + 1 + j : stride] @ kernel[i, j]
    return total


@right("01.2")
def _(image, kernel, bias, stride):
    return ops.conv(image[None], kernel, stride)[0] + bias


@wrong("01.2", "stride 2 has the shape")
def _(image, kernel, bias, stride):  # along one axis only
    return convolve(image, kernel, bias)[::stride]


@wrong("01.2", "the biases are missing")
def _(image, kernel, bias, stride):
    return convolve(image, kernel)[::stride, ::stride]


@wrong("01.2", "is off by")
def _(image, kernel, bias, stride):  # the kernel turned around, as the mathematicians' convolution has it
    return convolve(image, kernel[::-1, ::-1], bias)[::stride, ::stride]


@wrong("01.2", "has the shape")
def _(image, kernel, bias, stride):  # the stride taken in the image, before the kernel looks
    return convolve(image[::stride, ::stride], kernel, bias)


@wrong("01.2", "has the shape (7, 5, 1, 1)")
def _(image, kernel, bias, stride):  # not added up over the channels
    k = len(kernel)
    rows, columns = places(image, k, stride)
    return np.array(
        [
            [
                np.einsum("ijc,ijcf->cf", image[r : r + k, c : c + k], kernel) + bias
                for c in columns
            ]
            for r in rows
        ]
    )


@wrong("01.2", "stride 2 is off by")
def _(image, kernel, bias, stride):  # the first channel only
    return convolve(image[..., :1], kernel[:, :, :1], bias)[::stride, ::stride]


@wrong("01.2", "has the shape")
def _(image, kernel, bias, stride):  # as if the image were square
    k, steps = len(kernel), range(0, len(image) - len(kernel) + 1, stride)
    padded = np.pad(image, ((0, 20), (0, 20), (0, 0)))
    return np.array([[np.tensordot(padded[r : r + k, c : c + k], kernel, 3) + bias for c in steps] for r in steps])


@wrong("01.2", "has the shape")
def _(image, kernel, bias, stride):  # rows and columns exchanged
    return convolve(image, kernel, bias)[::stride, ::stride].swapaxes(0, 1)


@wrong("01.2", "stride 2 has the shape")
def _(image, kernel, bias, stride):  # padding same
    return ops.conv(image[None], kernel, stride, padding="same" if stride > 1 else "valid")[0] + bias


# ---- 01.3, count the weights

WEIGHTS = {"first": 1216, "second": 4640, "flat": 20490, "pooled": 330}

right("01.3")(WEIGHTS)
right("01.3")({name: np.int64(count) for name, count in WEIGHTS.items()})
right("01.3")({"pooled": 33 * 10, "flat": 2049 * 10, "second": 145 * 32, "first": 76 * 16})

wrong("01.3", "second has not 4608 weights: you left out the biases")(WEIGHTS | {"second": 4608})
wrong("01.3", "first has not 416 weights: each of 16 filters")(WEIGHTS | {"first": 5 * 5 * 16 + 16})
wrong("01.3", "as many channels as the layer before")(WEIGHTS | {"second": 3 * 3 * 3 * 32 + 32})
wrong("01.3", "how many numbers does the second")(WEIGHTS | {"flat": 32 * 32 * 32 * 10 + 10})
wrong("01.3", "how many numbers does the second")(WEIGHTS | {"flat": 8 * 8 * 10 + 10})
wrong("01.3", "one number for each map")(WEIGHTS | {"pooled": 20490})
wrong("01.3", "first has not 311296 weights")(WEIGHTS | {"first": 1216 * 16 * 16})
wrong("01.3", "give a whole number, not '1,216'")(WEIGHTS | {"first": "1,216"})
wrong("01.3", "right so far; still to fill in: second, pooled")(WEIGHTS | {"second": ..., "pooled": ...})
wrong("01.3", "flat has not 2058 weights")({"first": ..., "second": ..., "flat": 2058, "pooled": ...})

# ---- 01.4, how far it sees


@right("01.4")
def _(stack):
    strides = [stride for _, stride, _ in stack]
    return 1 + sum((k - 1) * d * math.prod(strides[:n]) for n, (k, _, d) in enumerate(stack))


@right("01.4")
def _(stack):
    field = 1  # from the last layer back to the image
    for k, stride, dilation in reversed(stack):
        field = (field - 1) * stride + (k - 1) * dilation + 1
    return field


@right("01.4")
def _(stack):
    if not stack:
        return 1
    *before, (k, _, d) = stack
    return field_of_stack(before) + (k - 1) * d * np.prod([s for _, s, _ in before], dtype=int)


def field_of_stack(stack):
    return 1 + sum((k - 1) * d * math.prod(s for _, s, _ in stack[:n]) for n, (k, _, d) in enumerate(stack))


@wrong("01.4", "(5, 2, 1), (3, 2, 1)]: one output sees 9, you say 7")
def _(stack):  # the strides forgotten
    return 1 + sum((k - 1) * d for k, _, d in stack)


@wrong("01.4", "one output sees")
def _(stack):  # the dilation forgotten
    field, apart = 1, 1
    for k, stride, _ in stack:
        field, apart = field + (k - 1) * apart, apart * stride
    return field


@wrong("01.4", "one output sees 9, you say 17")
def _(stack):  # a layer's own stride counted for it
    field, apart = 1, 1
    for k, stride, dilation in stack:
        apart *= stride
        field += (k - 1) * dilation * apart
    return field


@wrong("01.4", "one output sees 5, you say 6")
def _(stack):  # kernels added
    return sum(k for k, _, _ in stack) if len(stack) > 1 else stack[0][0]


@wrong("01.4", "you say 9")
def _(stack):  # kernels multiplied
    return math.prod(k for k, _, _ in stack)


@wrong("01.4", "one output sees 3, you say 9")
def _(stack):  # pixels in both directions
    field, apart = 1, 1
    for k, stride, dilation in stack:
        field, apart = field + (k - 1) * dilation * apart, apart * stride
    return field**2


@wrong("01.4", "one output sees")
def _(stack):  # the distance grows with the dilation, too
    field, apart = 1, 1
    for k, stride, dilation in stack:
        field, apart = field + (k - 1) * dilation * apart, apart * stride * dilation
    return field


@wrong("01.4", "one output sees")
def _(stack):  # only the last stride
    field, apart = 1, 1
    for k, stride, dilation in stack:
        field, apart = field + (k - 1) * dilation * apart, stride
    return field


@wrong("01.4", "[(3, 1, 2)]: one output sees 5, you say 3; the gaps count, too")
def _(stack):  # only the pixels that are read
    pixels, apart = {0}, 1
    for k, stride, dilation in stack:
        pixels |= {pixel + place * dilation * apart for pixel in pixels for place in range(k)}
        apart *= stride
    return len(pixels)


# ---- 01.5, a kernel for what gets brighter downwards

SOBEL = [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]

right("01.5")(SOBEL)
right("01.5")(np.array([[0, 0, 0], [0, -1, 0], [0, 1, 0]]))
right("01.5")([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
right("01.5")(np.outer([-1, 0, 1], [1, 0, 0]) / 10)

wrong("01.5", "an edge from left to right")(np.transpose(SOBEL))
wrong("01.5", "where the image gets brighter downwards, its output is below 0")(-np.array(SOBEL))
wrong("01.5", "an even grey")([[0, 0, 0], [0, 1, 0], [1, 2, 1]])
wrong("01.5", "its output is 0 everywhere")(np.zeros((3, 3)))
wrong("01.5", "an edge from left to right")([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]])
wrong("01.5", "where the image gets brighter downwards, its output is below 0")([[1, 1, 1], [-2, -2, -2], [1, 1, 1]])
wrong("01.5", "the kernel has the shape (2, 1)")([[-1], [1]])
wrong("01.5", "the kernel has the shape (9,)")(np.ravel(SOBEL))
wrong("01.5", "the kernel has the shape (3, 3, 1, 1)")(np.array(SOBEL)[..., None, None])
wrong("01.5", "still to fill in")([[-1, -2, -1], [0, ..., 0], [1, 2, 1]])
wrong("01.5", "could not convert string to float: 'a'")([["a", "b", "c"]] * 3)
wrong("01.5", "which has no shape")([[-1, -2], [0, 0, 0], [1, 2, 1]])

# ---- 01.6, images whose axes are mixed up

right("01.6")(lambda files: np.moveaxis(files, -1, 0)[..., np.newaxis])
right("01.6")(lambda files: files.transpose(2, 0, 1).reshape(-1, 24, 24, 1))
right("01.6")(lambda files: np.stack([files[..., n] for n in range(files.shape[-1])])[..., None])
right("01.6")(lambda files: np.expand_dims(np.rollaxis(files, 2), 3))

wrong("01.6", "each image holds pixels of several")(lambda files: files.reshape(-1, 24, 24, 1))
wrong("01.6", "each image lies on its side")(lambda files: files.T[..., None])
wrong("01.6", "what you return has the shape (5, 24, 24)")(lambda files: np.moveaxis(files, -1, 0))
wrong("01.6", "what you return has the shape (24, 24, 5, 1)")(lambda files: files[..., None])
wrong("01.6", "what you return has the shape (24, 24, 5)")(lambda files: files)
wrong("01.6", "changed places in it")(lambda files: np.moveaxis(files, -1, 0)[:, ::-1, :, None])
wrong("01.6", "the numbers themselves")(lambda files: np.moveaxis(files, -1, 0)[..., None] / 255)
wrong("01.6", "each image holds pixels of several")(
    lambda files: np.moveaxis(files, 0, -1).reshape(-1, 24, 24, 1)
)
wrong("01.6", "the images have changed places")(lambda files: np.moveaxis(files, -1, 0)[::-1, ..., None])
