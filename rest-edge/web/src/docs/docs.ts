import "./docs.css";
