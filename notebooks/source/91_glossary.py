# ---
# jupyter:
#   course:
#     question: What does this word mean, and where is it taught?
#     seconds: 1
#     title: Glossary
#   jupytext:
#     notebook_metadata_filter: kernelspec,course,jupytext,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 91 · Glossary
#
# The terms of lessons 00 to 08, 11 and 13, in eleven tables, each in alphabetical order. *Symbol* is what the lessons write, in a
# formula or in Keras. Shapes are those of the linked lesson, without the batch. A link opens the lesson at its
# top; if the lesson is already open, it goes to the section, or close to it.

# %% [markdown]
# ## Data and shapes
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Batch | – | first axis | Several examples in one array; the answer to one should not depend on the others. | [00 · 3] |
# | Channels | – | last axis | The numbers at one place: red, green and blue, or one for each filter. | [01 · 2] |
# | Clip | – | (time, height, width, channels) | A short video: one frame after another. | [00 · 3] |
# | Features | – | last axis | The numbers that describe one step or place; one layer makes them, the next reads them. | [02 · 2] |
# | Height and width | – | pixels | The two axes of an image, rows before columns. | [00 · 3] |
# | Reshape | `reshape` | any | Merges or splits neighbouring axes; the order of the numbers stays. | [03 · 3][fence] |
# | Time step | $x_t$ | (features,) | One position in a sequence: a frame, an hour, a word. | [02 · 2] |
#
# [00 · 3]: 00_start_here.ipynb#shape
# [01 · 2]: 01_convolution.ipynb#idea
# [02 · 2]: 02_lstm.ipynb#state
# [fence]: 03_joining.ipynb#When-reshape-is-right,-and-when-it-lies

# %% [markdown]
# ## Convolution
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | 1 × 1 convolution | – | (height, width, filters) | The same dense layer at every place, over the channels only. | [01 · 3][one] |
# | Bias | $b$ | () | A number added to the weighted sum; each filter or unit has its own. | [01 · 2] |
# | Conv3D | – | (time, height, width, channels) | A convolution that slides along time too. | [04 · 7] |
# | Convolution | $y$ | (n - k + 1,) | One weighted sum for each position of a small window that slides along. | [01 · 2] |
# | Dense layer | – | (units,) | A layer with a weight of its own from each input to each output. | [01 · 1] |
# | Dilation | $d$ | pixels | The distance between a kernel's weights; a larger one spans more pixels with the same number of weights. | [01 · 4] |
# | Equivariant | – | – | Shift the input, and the output shifts along with it. | [01 · 5][shift] |
# | Feature map | $y$ | (n - k + 1,) | One number for each place: how well the pattern of a filter fits there. | [01 · 2] |
# | Filter | – | (k, k, channels) | A kernel over all channels; it makes one feature map. | [01 · 2] |
# | Frames as channels | – | (height, width, time) | All frames in one image, read by one Conv2D. | [04 · 7] |
# | Global max pooling | – | (channels,) | The maximum of a whole map: whether something was found, but not where. | [01 · 5][pool] |
# | Kernel | $w$ | (k,) | The few weights that slide, the same at every place. | [01 · 2] |
# | Max pooling | – | (height, width, channels) | Keeps the maximum of each small window; the map becomes smaller. | [01 · 5][maxpool] |
# | Padding (causal) | `causal` | steps | All zeros in front, so that no output reads a later step. | [01 · 4] |
# | Padding (of images) | `same` | pixels | Zeros around an image, so that the output does not shrink. | [01 · 4] |
# | Pooling | – | – | Replaces the numbers of several places by one, often their maximum. | [01 · 5][pool] |
# | Receptive field | $r_l$ | pixels | All pixels, from first to last, that can change one number of a map, skipped ones included. | [01 · 6] |
# | ReLU | – | unchanged | Keeps positive numbers as they are and replaces negative ones by 0. | [01 · 3][relu] |
# | Sharing (of parameters) | – | – | The same weights are used at every place or time step. | [01 · 5] |
# | Stride | $s$ | pixels | How many pixels the kernel moves at a time; each side of the output is $s$ times smaller. | [01 · 4] |
#
# [shift]: 01_convolution.ipynb#The-same-answer,-elsewhere
# [pool]: 01_convolution.ipynb#What-pooling-throws-away
# [01 · 2]: 01_convolution.ipynb#idea
# [one]: 01_convolution.ipynb#one-by-one
# [relu]: 01_convolution.ipynb#relu
# [maxpool]: 01_convolution.ipynb#max-pooling
# [01 · 4]: 01_convolution.ipynb#padding
# [01 · 1]: 01_convolution.ipynb#question
# [01 · 6]: 01_convolution.ipynb#receptive-field
# [01 · 5]: 01_convolution.ipynb#sharing
# [04 · 7]: 04_cnn_lstm_video.ipynb#rivals

# %% [markdown]
# ## LSTM
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Backpropagation through time | – | – | Gradients computed backwards through all steps of a sequence. | [02 · 4] |
# | Bidirectional | – | (steps, 2 · units) | Two LSTMs, one forwards and one backwards; their states are concatenated. | [02 · 8] |
# | Candidate | $g$ | (units,) | What can be written into the memory at this step. | [02 · 5] |
# | Cell state | $c_t$ | (units,) | The LSTM's memory; it changes only by forgetting and adding. | [02 · 5] |
# | Explode (of gradients) | – | – | To grow at each of many steps, without limit. | [02 · 4] |
# | Forget gate | $f$ | (units,) | The share of the old memory that stays: 1 keeps all, 0 forgets all. | [02 · 5] |
# | Gates | $i, f, o$ | (units,) | Numbers from 0 to 1 that decide how much passes through. | [02 · 5] |
# | GRU | $z, r$ | (units,) | Gated recurrent unit: two gates, and no separate cell state. | [02 · 9] |
# | Hidden state | $h_t$ | (units,) | What a step passes to the next layer, and also to the next step. | [02 · 2] |
# | Input gate | $i$ | (units,) | The share of the candidate that is written. | [02 · 5] |
# | LSTM | – | (units,) | Long short-term memory: reads step by step and keeps a memory that gates protect. | [02 · 5] |
# | Mask | – | (steps,) | Tells which steps are real; the LSTM skips the others. | [02 · 8] |
# | Output gate | $o$ | (units,) | The share of the memory, after tanh, that appears in the hidden state. | [02 · 5] |
# | Plain recurrent cell | `SimpleRNN` | (units,) | Reads step by step, and computes its whole state anew from input and old state. | [02 · 2] |
# | Return sequences | `return_sequences` | (steps, units) | Returns the hidden state of every step, not only the last; changes no weight. | [02 · 8] |
# | Stateful | `stateful` | – | Keeps the state for the next batch, until you reset it. | [02 · 8] |
# | Truncated backpropagation through time | – | – | Training in pieces: the state passes from one to the next, the gradient does not. | [02 · 8] |
# | Units | – | last axis | How many numbers a state has; you choose it. | [02 · 2] |
# | Vanish (of gradients) | – | – | To shrink at each of many steps, until nothing is left. | [02 · 4] |
#
# [02 · 4]: 02_lstm.ipynb#fading
# [02 · 5]: 02_lstm.ipynb#gates
# [02 · 8]: 02_lstm.ipynb#outputs
# [02 · 9]: 02_lstm.ipynb#gru
# [02 · 2]: 02_lstm.ipynb#state

# %% [markdown]
# ## The joint
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Cells as steps | – | (time * height * width, channels) | Each place of each map becomes a step of the LSTM. | [03 · 4] |
# | Columns as steps | – | (time * width, height * channels) | Each column of a map becomes a step, as when reading a line. | [03 · 4] |
# | Concatenation | `Concatenate` | last axis | Joins the features of two branches into one vector. | [03 · 6] |
# | ConvLSTM | – | (height, width, channels) | An LSTM whose gates are convolutions; its memory is an image. | [08 · 2] |
# | Flatten | – | (time, height * width * channels) | Merges height, width and channels into one axis; loses nothing. | [03 · 4][flat] |
# | Fold | `PerFrame` | (batch * time, ...) | Puts all frames into one long batch, so that a CNN runs only once. | [03 · 3][fold] |
# | Global pooling | – | (time, channels) | The maximum or average of each whole map. | [03 · 4][whole] |
# | Joint, bridge | $z_n$ | (features,) | What turns a CNN's maps into steps for an LSTM. | [03 · 2] |
# | Side by side | – | – | CNN and LSTM read the same input; their outputs are then joined. | [03 · 6] |
# | TimeDistributed | – | (time, ...) | Keras's way of running a layer on every frame. | [03 · 3][each] |
#
# [flat]: 03_joining.ipynb#Flatten,-and-flatten-with-a-dense-layer
# [fold]: 03_joining.ipynb#Fold-time-into-the-batch
# [whole]: 03_joining.ipynb#Global-pooling
# [each]: 03_joining.ipynb#TimeDistributed,-and-Conv3D
# [03 · 2]: 03_joining.ipynb#axes
# [03 · 4]: 03_joining.ipynb#bridges
# [03 · 6]: 03_joining.ipynb#side-by-side
# [08 · 2]: 08_convlstm.ipynb#idea

# %% [markdown]
# ## Text
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Bag of words | – | (words,) | How often each word, here also each pair of neighbours, occurs; all other order is lost. | [05 · 6][count] |
# | Convolution over time | $W_{j,k}$ | (64,) | A kernel that slides along the steps and reads neighbouring ones together. | [05 · 2] |
# | Embedding | $e_t$ | (64,) | The learned vector of a word, looked up in a table. | [05 · 2] |
# | Logits | – | (classes,) | Scores before a softmax turns them into probabilities. | [05 · 7][logit] |
# | Maximum over time | $m_k$ | () | The strongest response of a filter at any step. | [05 · 2] |
# | Padding (of sequences) | – | steps | Zeros that fill up the shorter sequences of a batch. | [05 · 7][pad] |
# | Vocabulary | – | words | The words that have a number; all others are unknown. | [05 · 6][leak] |
#
# [pad]: 05_lstm_cnn_text.ipynb#It-reads-the-padding
# [logit]: 05_lstm_cnn_text.ipynb#Softmax-and-binary-cross-entropy
# [count]: 05_lstm_cnn_text.ipynb#The-baseline:-counted-words
# [leak]: 05_lstm_cnn_text.ipynb#Three-ways-in-which-a-test-can-leak
# [05 · 2]: 05_lstm_cnn_text.ipynb#idea

# %% [markdown]
# ## Attention
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Additive | $w \cdot \tanh(W q + U k_t)$ | () | A score from a small network that reads query and key (Bahdanau). | [06 · 2] |
# | Attention | $\sum_t \alpha_t v_t$ | (64,) | Pooling that learns which steps to look at. | [06 · 2] |
# | Context | $c$ | (64,) | The weighted sum of the values, the result of attention; not the cell state $c_t$. | [06 · 2] |
# | Heads | – | – | Several attentions at once, each with its own query, keys and values. | [06 · 11] |
# | Key | $k_t$ | (64,) | What a step shows of itself; the better it fits the query, the higher the score. | [06 · 2] |
# | Position | – | (features,) | Numbers added to the features that say where a step stands; here they are learned. | [06 · 8] |
# | Query | $q$ | (d,) | What is looked for, as numbers. | [06 · 2] |
# | Scaled dot product | $\frac{q \cdot k_t}{\sqrt d}$ | () | Query times key, divided by $\sqrt d$, so that scores do not grow with the number of features $d$. | [06 · 2] |
# | Score | $e_t$ | () | How well the key of a step matches the query. | [06 · 2] |
# | Softmax | $\frac{\exp e_t}{\sum_s \exp e_s}$ | (steps,) | Turns scores into positive weights with sum 1. | [06 · 2] |
# | Temperature | $\tau$ | () | Divides the scores; a low one selects few steps, a high one spreads the weights. | [06 · 3] |
# | Transformer | – | – | A network built on attention instead of recurrence: each step can look at all steps. | [06 · 11] |
# | Value | $v_t$ | (64,) | What a step adds to the context, times its weight. | [06 · 2] |
# | Weights (of attention) | $\alpha_t$ | () | How much each step counts; their sum is 1. | [06 · 2] |
#
# [06 · 3]: 06_attention.ipynb#by-hand
# [06 · 2]: 06_attention.ipynb#idea
# [06 · 8]: 06_attention.ipynb#order
# [06 · 11]: 06_attention.ipynb#transformer

# %% [markdown]
# ## Forecasts
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Encoder-decoder | – | (steps, features) | Sequence to sequence: one network reads a past, another writes the hours to come from its state. | [07 · 2] |
# | Fed back | $\tilde y_{k-1}$ | () | A decoder that reads the answer of the step before, the true one or its own. | [07 · 8] |
# | Forecast origin | – | hour | The moment at which a forecast is made; what comes later is not known yet. | [07 · 2] |
# | Free running | $\hat y_{k-1}$ | () | The decoder reads its own answers, as it must when the truth has not come yet. | [07 · 8] |
# | Lag | `lags` | hours | An earlier value of the series, given as a feature: the same hour of last week. | [07 · 5] |
# | Pinball loss | $\ell_q$ | () | The loss whose best answer is a quantile. | [07 · 6] |
# | Quantile | $q$ | share | The number below which a given share of the values lies; the median is that of one half. | [07 · 6] |
# | Scheduled sampling | – | – | In training, the decoder is told the truth ever less often, and reads its own answers instead. | [07 · 8] |
# | Teacher forcing | – | – | In training, the decoder reads the true answer of the step before. | [07 · 8] |
# | Window | – | (hours, features) | A piece of a series: hours gone by as input, the hours after them as target. | [07 · 3] |
#
# [07 · 2]: 07_forecasting.ipynb#idea
# [07 · 3]: 07_forecasting.ipynb#windows
# [07 · 5]: 07_forecasting.ipynb#build
# [07 · 6]: 07_forecasting.ipynb#quantiles
# [07 · 8]: 07_forecasting.ipynb#fed-back

# %% [markdown]
# ## Recurrent convolution
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Causal (in time) | – | – | Each answer depends on its own step and earlier ones only; pad in front. | [08 · 8] |
# | Optical flow | – | pixels per frame | How each place of a picture moves from one frame to the next. | [08 · 5] |
# | Peephole | $W_i \odot c_{t-1}$ | (height, width, filters) | A gate that sees the cell state, place by place; Keras has none. | [08 · 2] |
# | Phase correlation | – | pixels | Finds the shift between two pictures from their Fourier transforms. | [08 · 6] |
# | Rolling out | – | (frames ahead,) | A network reads its own predicted frames, to predict the ones after them. | [08 · 6][rolling] |
# | Structural similarity | – | at most 1 | Compares means, contrasts and patterns of small windows of two pictures. | [08 · 7] |
#
# [08 · 2]: 08_convlstm.ipynb#idea
# [08 · 5]: 08_convlstm.ipynb#camera
# [08 · 6]: 08_convlstm.ipynb#frames
# [rolling]: 08_convlstm.ipynb#rolling
# [08 · 7]: 08_convlstm.ipynb#right
# [08 · 8]: 08_convlstm.ipynb#leak

# %% [markdown]
# ## Sound
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Chunk | $x_t$ | (samples,) | A short stretch of sound that is read at once, such as 32 ms. | [11 · 2] |
# | Hann window | $v$ | (n,) | Fades a frame in and out, so that its ends are no click. | [11 · 3] |
# | Hold-over | – | chunks | Pauses of up to this length between speech count as speech. | [11 · 8] |
# | Real-time factor | – | – | Time to compute, divided by how long the sound lasts; below 1 it keeps up. | [11 · 7] |
# | Sample | – | number | The sound at one moment; here there are 16,000 a second. | [11 · 2] |
# | Signal-to-noise ratio (SNR) | – | dB | How much louder the signal is than the noise: 20 dB is ten times the amplitude, 0 dB as loud. | [11 · 4] |
# | Spectrogram | – | (time, frequency) | The spectrum of one frame after another, as an image. | [11 · 1] |
# | Spectrum | $X_k$ | (n/2 + 1,) | How much there is of each frequency in a frame. | [11 · 3] |
# | Voice activity detection | $p_t$ | (chunks,) | Tells for each chunk whether somebody speaks. | [11 · 1] |
#
# [11 · 1]: 11_at_work.ipynb#question
# [11 · 2]: 11_at_work.ipynb#idea
# [11 · 3]: 11_at_work.ipynb#by-hand
# [11 · 4]: 11_at_work.ipynb#data
# [11 · 7]: 11_at_work.ipynb#apart
# [11 · 8]: 11_at_work.ipynb#stretches

# %% [markdown]
# ## Your own data
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Augmentation | – | – | Altered copies of training examples whose answer is known. | [13 · 9] |
# | Balanced accuracy | – | share | The mean of the recalls of all classes; the frequent class cannot hide the rare one. | [13 · 10] |
# | Batch normalisation | $\mu$, $\sigma^2$ | (channels,) | Subtracts a mean and divides by a deviation: those of the batch in training, running averages afterwards. | [13 · 7] |
# | Cross-validation by group | – | – | Training several times, each time without other people; everyone is tested once. | [13 · 10] |
# | Fine-tuning | – | – | Training a network on that was trained elsewhere. | [13 · 6] |
# | Frozen | `trainable = False` | – | Left as it is by training; its features need to be computed only once. | [13 · 6] |
# | Grad-CAM | – | (height, width) | A map of where a little more of a network's features would change its answer most. | [13 · 8] |
# | Group | `groups` | – | Clips that belong together, as those of one person; a split must not divide them. | [13 · 5] |
# | Precision | – | share | Of the examples that are named so, the share that are so. | [13 · 10] |
# | Recall | – | share | Of the examples of a class, the share that are named. | [13 · 10] |
# | Wilson's interval | – | share | The accuracies that could well have given the score of a test. | [13 · 10] |
#
# [13 · 5]: 13_your_own_data.ipynb#split
# [13 · 6]: 13_your_own_data.ipynb#elsewhere
# [13 · 7]: 13_your_own_data.ipynb#normalisation
# [13 · 8]: 13_your_own_data.ipynb#why
# [13 · 9]: 13_your_own_data.ipynb#videos
# [13 · 10]: 13_your_own_data.ipynb#score

# %% [markdown]
# ## Training and comparing
#
# | Term | Symbol | Shape or unit | In a sentence | Lesson |
# |---|---|---|---|---|
# | Ablation | – | – | Training again with one part removed or made simpler, to see what it was good for. | [04 · 6][part] |
# | Accuracy | – | share | The share of examples that are answered correctly. | [00 · 4] |
# | Baseline | – | – | A simple method that a network has to beat. | [04 · 4] |
# | Clipping | `clipnorm` | length | Shortening a gradient that is too long; here for each weight array separately. | [04 · 9] |
# | Dropout | – | share | Setting random features to 0 in training, so that the network relies on none. | [05 · 7][drop] |
# | Epoch | `epochs` | – | One pass over all training examples. | [01 · 7] |
# | Gradient | – | as what is changed | How much an output changes with an input; in training, the loss with a weight. | [01 · 6] |
# | Layer normalisation | – | unchanged | Brings the features of each step to mean 0 and variance 1, then scales and shifts them as learned. | [04 · 6] |
# | Leak | – | – | Information about the test data that gets into training. | [05 · 6][leak] |
# | Learning rate | – | – | How far each training step changes the weights. | [01 · 7][seed] |
# | Overfitting | – | – | Learning the training examples by heart: training accuracy rises, validation accuracy does not. | [01 · 7][curves] |
# | Readout | – | – | The layers between the last maps or states and the answer. | [01 · 7] |
# | Seed | – | whole number | Where random numbers start; another seed gives another run. | [01 · 7][seed] |
# | Splits | – | – | Training, validation and test data: parts that share no example. | [04 · 4] |
# | Training recipe | – | – | The settings of a training, such as learning rate, warm-up, clipping and number of epochs. | [04 · 9] |
# | Validation curve | – | – | The score on validation data after each epoch; beside the training curve it shows overfitting. | [01 · 7][curves] |
# | Warm-up | `warmup` | batches | Raising the learning rate step by step at the start. | [04 · 9] |
#
# [00 · 4]: 00_start_here.ipynb#hybrid
# [seed]: 01_convolution.ipynb#seeds
# [01 · 7]: 01_convolution.ipynb#learning
# [curves]: 01_convolution.ipynb#curves
# [01 · 6]: 01_convolution.ipynb#receptive-field
# [part]: 04_cnn_lstm_video.ipynb#Take-one-part-away
# [04 · 4]: 04_cnn_lstm_video.ipynb#data
# [04 · 9]: 04_cnn_lstm_video.ipynb#habits
# [04 · 6]: 04_cnn_lstm_video.ipynb#joint
# [drop]: 05_lstm_cnn_text.ipynb#It-has-no-dropout
# [leak]: 05_lstm_cnn_text.ipynb#Three-ways-in-which-a-test-can-leak
