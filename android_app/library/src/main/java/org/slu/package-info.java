/**
 * Spoken-language understanding on the device: text in, intent and slots out, without a network.
 *
 * <pre>{@code
 * SluModel model = SluModel.open(context, "model.gguf");      // once, from any thread
 * Parser parser = model.newParser();                          // one for each thread
 * ParseResult result = parser.parse("来一首周华健的花心");
 * if (result.isUnderstood()) play(result.getIntent(), result.getSlots());
 * model.close();                                              // closes its parsers as well
 * }</pre>
 *
 * <p><b>Threads.</b> {@link org.slu.SluModel} with its {@link org.slu.Lexicon} and its {@link org.slu.Pins} may be used
 * by any number of threads at once. A {@link org.slu.Parser}, its sessions, its lexicon and its pins serve one thread
 * at a time: a second thread that calls them meanwhile gets a {@link org.slu.SluException} with
 * {@link org.slu.SluException.Status#BUSY}.
 * {@link org.slu.ParseResult}, {@link org.slu.Slot} and {@link org.slu.ModelInfo} cannot be changed and belong to
 * nobody.
 *
 * <p><b>Errors.</b> Everything that can go wrong is a {@link org.slu.SluException}, which is unchecked and whose
 * message says what is wrong, where, and what to do. No argument, text or model file brings the process down.
 */
package org.slu;
