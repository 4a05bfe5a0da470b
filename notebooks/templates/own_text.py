# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # My texts: from a table to an honest table
#
# Fill in the next cell, then run everything from the top (*Run > Run All Cells*). Lesson 05 explains the networks.

# %%
FILE = "path/to/my texts.csv"  # or a folder that has a folder of .txt files for each class
TEXT, LABEL = "text", "label"  # the columns of the text and of its class
GROUPS = None  # the column that says which texts belong together, such as an author
WORDS, LENGTH = 8_000, 100  # words in the vocabulary; words read of a text
SEEDS, EPOCHS = (0, 1, 2), 20  # each network is trained once for each seed; most stop earlier

# %%
from course_utils import check, datasets, plotting

check.setup()

import keras
import numpy as np
from keras import layers, ops
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

data = datasets.from_folder(FILE, "text", text=TEXT, label=LABEL, groups=GROUPS)
NAMES = data.class_names["class"]
data

# %% [markdown]
# **Look at what is there.** Read some texts of each class. Could you tell the class from the text alone?

# %%
for number, name in enumerate(NAMES):
    for text in data.train.x[data.train.y["class"] == number][:3]:
        print(f"{name}: {text[:200]}\n")

# %% [markdown]
# **Without a network.** The most frequent class, and a logistic regression on words and pairs of words. It takes a
# second, and is hard to beat.

# %%
tried = [
    make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=c, max_iter=1000)).fit(data.train.x, data.train.y["class"])
    for c in (1, 10, 100)
]
words = max(tried, key=lambda model: model.score(data.validation.x, data.validation.y["class"]))
frequent = np.bincount(data.train.y["class"]).argmax()
answers = {
    "most frequent class": [np.full(len(data.test), frequent)],
    "no network: words and pairs": [words.predict(data.test.x)],
}

# %% [markdown]
# **The networks**, with the same embedding: LSTM -> CNN, a CNN alone, and an average of the words, which knows
# nothing of order. If the average is as good, the order of words does not matter for your classes.

# %%
read = layers.TextVectorization(max_tokens=WORDS, output_sequence_length=LENGTH)
read.adapt(data.train.x.astype(str))


def network(kind):
    ids = keras.Input((LENGTH,), dtype="int64", name="ids")
    real = ops.not_equal(ids, 0)  # (batch, time): True where there is a word
    x = layers.Dropout(0.5)(layers.Embedding(WORDS, 64)(ids))  # (batch, time, 64)
    there = ops.cast(real, "float32")[..., None]
    if kind == "average":
        x = ops.sum(x * there, axis=1) / ops.maximum(ops.sum(there, axis=1), 1)
    else:
        if kind == "LSTM -> CNN":
            x = layers.LSTM(64, return_sequences=True)(x, mask=real)
        x = layers.Conv1D(64, 3, padding="same", activation="relu")(x * there)
        x = layers.GlobalMaxPooling1D()(x * there)
    return keras.Model(ids, layers.Dense(len(NAMES), activation="softmax")(layers.Dropout(0.5)(x)))


# %% [markdown]
# Training stops when the validation part has not improved for 4 epochs, and the best weights are kept. The test part
# is not looked at here.


# %%
def train(kind, seed):
    keras.utils.set_random_seed(seed)
    model = network(kind)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    counts = np.bincount(data.train.y["class"])
    weights = {number: len(data.train) / len(counts) / count for number, count in enumerate(counts)}
    best = keras.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True)
    log = model.fit(read(data.train.x.astype(str)), data.train.y["class"], epochs=EPOCHS, class_weight=weights, verbose=0,
                    validation_data=(read(data.validation.x.astype(str)), data.validation.y["class"]), callbacks=[best])  # fmt: skip
    print(f"{kind}, seed {seed}: validation loss {min(log.history['val_loss']):.3f}")
    return model


models = {(kind, seed): train(kind, seed) for seed in SEEDS for kind in ("LSTM -> CNN", "CNN", "average")}

# %% [markdown]
# **The table.** The interval is Wilson's: what the accuracy of this model may be on all such texts, with 95 %
# confidence, *if* test texts are independent. Texts of one group are not, so it is wider in truth.

# %%
for (kind, _), model in models.items():
    found = model.predict(read(data.test.x.astype(str)), verbose=0).argmax(axis=1)
    answers.setdefault(kind, []).append(found)

true = data.test.y["class"]
plotting.answers(true, answers, caption=f"{len(true)} test texts; seeds {SEEDS}")

# %%
plotting.confusion(true, answers["LSTM -> CNN"][0], NAMES)

# %% [markdown]
# **Where is it wrong?** Read before you tune: wrong labels are the most frequent mistake.

# %%
for at in np.flatnonzero(answers["LSTM -> CNN"][0] != true)[:5]:
    print(f"{NAMES[true[at]]}, taken for {NAMES[answers['LSTM -> CNN'][0][at]]}: {data.test.x[at][:200]}\n")

# %% [markdown]
# **Keep the best by its validation score** (not by the test), together with the words that it knows.

# %%
validation = read(data.validation.x.astype(str)), data.validation.y["class"]
kept = min(models, key=lambda key: models[key].evaluate(*validation, verbose=0)[0])
text = keras.Input((), dtype="string", name="text")
keras.Model(text, models[kept](read(text))).save("my_data.keras")
print(*kept, "is kept in my_data.keras; it takes texts as they are.")

# %% [markdown]
# ## Before you tell others
#
# - Are authors, threads or products of the test in the training, too? Name their column as `GROUPS`.
# - Do words and pairs without a network do as well? Then say so, and keep those.
# - Is the interval narrower than the difference that you want to claim?
# - Did you choose anything by the test score? Then it is a validation score.
# - Do texts hold names or addresses? The vocabulary is saved with the model: look at `read.get_vocabulary()` before
#   you share it.
