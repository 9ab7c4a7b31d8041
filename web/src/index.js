export { SluError } from "./error.js";
export { SluModel } from "./model.js";
