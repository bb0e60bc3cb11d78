/** Where the browser keeps the name that a person gave. */
export const NAME = "grapevine-name";
